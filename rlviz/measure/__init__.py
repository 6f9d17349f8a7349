"""What is left of a folder whose modules have moved: the path that was documented."""
