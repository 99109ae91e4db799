"""Which modules get bytecode, and who compiles it."""
