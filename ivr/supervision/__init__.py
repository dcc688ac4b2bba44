"""What supervisors do with live calls: read, listen, whisper, join, take over, cut; each action is a row."""
