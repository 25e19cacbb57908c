"""What changes state: one module an aggregate, one public function a use case, each one transaction."""
