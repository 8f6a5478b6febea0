"""What leaves the house: signed permits and the keys that they are checked with, letters to people, their calendars."""
