"""What the parts of Flume say to each other, and how it travels."""
