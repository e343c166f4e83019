"""From a scan to a phase map: configuration, pipeline, result store, phases, command line."""
