//! One suite per trait: the promises of the documentation, checked against any implementor.
