-- Silence is watched by object type: streams that cannot be read are asked for several times a minute, and are few.

-- list_silent_streams
CREATE INDEX streams_failing ON tieout.streams (stream) WHERE failures > 1;
