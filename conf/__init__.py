"""What a person may set: options, message endpoints, deployment files."""
