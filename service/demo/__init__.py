"""The demo: a whole installation on one machine, and a story that is checked while it is told.

    stage       what is set up: Postgres, the simulated hub, the service, a receiver of alerts
    ending      Ctrl-C, heeded where everything can be ended in order
    child       a process that ends when its parent does, however that came about
    world       the hand that changes the simulated hub and its books
    service_api the service as a program sees it: asked, never assumed
    receiver    a receiver of alerts on loopback
    narrator    how the story is printed
    beat        what every beat of the story is made of
    beats       the beats: one file each
    happenings  the small random events after the story
    show        all of it in order

Everything goes through the doors that a real installation has: the hub over HTTP, webhooks to the receiver,
alerts to a channel, answers from the API. Settings of the environment are not read, so that a demo can never
reach a real hub.
"""
