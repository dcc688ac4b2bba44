"""What is said: catalogue per language, templates, text normalisation, rendered-audio cache."""
