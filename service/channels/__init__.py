"""HTTP out, to people: one file per kind of channel, all of one shape (`channel.Channel`)."""
