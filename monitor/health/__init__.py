"""How the running sensor is, told to machines and to people."""
