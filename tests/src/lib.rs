//! Workspace-level tests; everything is under `tests/`.
