"""The models of a sensor: trained, kept, promoted, rolled back."""
