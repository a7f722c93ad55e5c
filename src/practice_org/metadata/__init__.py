"""The org's metadata as components: what the Metadata API (SOAP, files) and the Tooling API create, read and change."""
