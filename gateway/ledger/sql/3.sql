-- Calls of OpenD that its frequency limits count, by the window in which they count together.

CREATE TABLE call_slot (
    call_window TEXT NOT NULL,
    taken_us INTEGER NOT NULL
) STRICT;
CREATE INDEX call_slot_window ON call_slot (call_window, taken_us);
CREATE INDEX call_slot_taken ON call_slot (taken_us);
