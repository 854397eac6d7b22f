//! The `message_matcher` language.
