//! The node's model of ETSI GS QKD 015 V2.1.1, as a controller reads it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use common::{Lab, keys};

const NODE: &str = "/restconf/data/etsi-qkd-sdn-node:qkd_node";

#[test]
fn a_controller_reads_links_and_applications_and_nobody_else_does() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    for name in ["alice", "mallory"] {
        assert_eq!(lab.client(name, &a).get(NODE).0, 401, "{name}");
    }
    let mut alice = lab.client("alice", &a);
    let (_, given) = alice.get("/api/v1/keys/bob/enc_keys?number=4");
    assert_eq!(keys(&given).len(), 4);
    let mut sdn = lab.client("sdn", &a);
    // The wrong door and the wrong verb.
    assert_eq!(sdn.get(&format!("{NODE}/qkd_nothing")).0, 404);
    assert_eq!(lab.client("sdn", &a).post(NODE, "{}").0, 405);
    assert_eq!(sdn.get("/api/v1/keys/bob/enc_keys").0, 401, "a controller gets no keys");

    let (code, document) = sdn.get(NODE);
    let node = &document["qkd_node"];
    assert_eq!((code, &node["qkdn_location_id"]), (200, &"kme-a".into()), "{document}");
    assert_eq!(node["qkdn_status"], "etsi-qkd-node-types:OPERATING");
    let apps = node["qkd_applications"]["qkd_app"].as_array().unwrap();
    assert_eq!(apps.len(), 1);
    assert_eq!(
        (&apps[0]["server_app_id"], &apps[0]["client_app_id"][0]),
        (&"qkd://alice@kme-a".into(), &"qkd://bob@kme-b".into())
    );
    assert_eq!(apps[0]["app_statistics"]["statistics"][0]["consumed_bits"], 4 * 256);

    // A part by itself is what it is in the whole, with a stroke behind it or without.
    let (_, part) = sdn.get(&format!("{NODE}/qkd_links/"));
    let link = &part["qkd_links"]["qkd_link"][0];
    assert_eq!(
        (&link["qhal:kme"], &link["qkdl_type"]),
        (&"kme-b".into(), &"etsi-qkd-node-types:VIRT".into())
    );
    assert_eq!(link["qkdl_applications"][0], apps[0]["app_id"]);
    assert_eq!(link["qkdl_status"], "etsi-qkd-node-types:ACTIVE");
    assert!(
        link["qhal:stored_key_count"].as_u64() > Some(0) && link["qhal:alarms"] == serde_json::json!([]),
        "{link}"
    );
    assert!(link["qkdl_performance"]["skr"].as_u64() > Some(0), "{link}");
    assert_eq!(link["qhal:provenance"], "Simulated");
    // Both ends call the link and the nodes by the same names.
    let (_, theirs) = lab.client("sdn", &b).get(&format!("{NODE}/qkd_links"));
    let theirs = &theirs["qkd_links"]["qkd_link"][0];
    assert_eq!(link["qkdl_id"], theirs["qkdl_id"]);
    assert_eq!(
        (&link["qkdl_local"]["qkdn_id"], &link["qkdl_remote"]["qkdn_id"]),
        (&theirs["qkdl_remote"]["qkdn_id"], &theirs["qkdl_local"]["qkdn_id"])
    );
    assert_eq!(node["qkdn_id"], link["qkdl_local"]["qkdn_id"]);
}
