"""What several tests share: processes, models, files, fixtures."""
