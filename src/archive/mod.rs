//! Records in and out.
