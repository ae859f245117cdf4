"""What standing an app has: filed, recommended, selected, uniform, blacklisted, withdrawn, on a date."""
