"""What a business is: states with their legal transitions, errors, tables. Imports nothing of the project."""
