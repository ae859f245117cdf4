"""What apps did on a day of the campus: devices, active minutes, connections."""
