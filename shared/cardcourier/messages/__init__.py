"""What a buyer is told by mail: texts and layouts, filled in by `render`."""
