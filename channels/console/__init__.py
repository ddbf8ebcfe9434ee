"""The marketer's console: chat, campaigns and data in a browser, served beside the API."""
