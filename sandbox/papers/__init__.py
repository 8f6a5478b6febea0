"""What leaves the house and must prove itself outside it: signed permits and the
keys that they are checked with; letters to people and their calendars."""
