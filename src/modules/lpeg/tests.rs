//! What the compiler makes of typical patterns.
