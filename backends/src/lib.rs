//! What can stand behind a hal trait here and now, how one is chosen and kept alive.

pub mod catalog;
pub mod changes;
pub mod choose;
pub mod doctor;
pub mod emulate;
pub mod ensemble;
pub mod https;
pub mod kernel_pool;
pub mod leases;
pub mod link;
pub mod machine;
pub mod negotiate;
pub mod qdmi;
pub mod random;
pub mod registry;
pub mod select;
pub mod simulated;
pub mod spec;
pub mod tags;

pub use catalog::{DriverWords, Options};
pub use changes::{Change, changes};
pub use choose::{Choice, PassedOver, choose};
pub use ensemble::{Announcement, Ensemble, Plan};
pub use https::HttpsWords;
pub use qdmi::{QdmiDeviceWords, QdmiWords};
pub use qhal_drivers::transport::hotplug::Hotplug;
pub use registry::{Listing, Registry};
pub use select::{Selected, select};
pub use spec::DeviceSpec;
