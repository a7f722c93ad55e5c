"""The event bus: change data capture and platform events, kept in the org's file, served over gRPC (spec 5.12)."""

import os

# What gRPC's core would say on stderr of a port that is taken, we say ourselves, in one line.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
