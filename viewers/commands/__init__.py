"""The commands of `xanesmap`, their options, and what they print."""
