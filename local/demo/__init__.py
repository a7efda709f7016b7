"""`make demo`: the main job, told as a story on this machine."""
