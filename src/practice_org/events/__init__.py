"""The event bus: change data capture and platform events, kept in the org's file, served over gRPC (spec 5.12)."""
