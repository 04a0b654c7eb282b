//! Stories told across the whole house.
