"""Lists from elsewhere: fetched, checked, swapped in, explained."""
