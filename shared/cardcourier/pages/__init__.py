"""What a buyer sees: templates, styles, one script and their texts, turned into answers by `render`."""
