"""The statements as a whole: who runs each, what it touches, how often it runs, and a page that shows it all."""
