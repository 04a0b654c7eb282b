//! Whom a stream is for: applications behind URIs, and who may share a stream with whom.

use std::sync::Arc;

use qhal::KeyId;

use super::Status;
use crate::manager::{Manager, Sae, lock};
use crate::peer::Link;
use crate::refusal::Refusal;

impl Manager {
    /// The two applications that an OPEN_CONNECT of `sae` names: itself and the other one.
    pub(super) fn parties(
        &self,
        sae: &str,
        source: &str,
        destination: &str,
    ) -> Result<[Arc<str>; 2], Status> {
        let named = |uri: &str| self.sae_of_uri(uri).map(|sae| sae.id.clone()).ok_or(Status::NoConnection);
        let (source, destination) = (named(source)?, named(destination)?);
        // Either both say the same two names in the same order, or each says itself first.
        let pair = match (*source == *sae, *destination == *sae) {
            (true, false) => [source, destination],
            (false, true) => [destination, source],
            _ => return Err(Status::NoConnection),
        };
        if self.is_here(&pair[0]) { Ok(pair) } else { Err(Status::NoConnection) }
    }

    /// The application that a URI names: one that has it among its `uris`, or whose name is the URI's user, or its host where
    /// there is no user (`qkd://alice@site-a`, `client://alice:1234`).
    fn sae_of_uri(&self, uri: &str) -> Option<&Sae> {
        let listed = self.settings().saes.iter().find(|sae| sae.uris.iter().any(|own| own == uri));
        let name = match listed {
            Some(sae) => sae.id.as_str(),
            None => name_in_uri(uri)?,
        };
        self.sae(name).ok()
    }

    /// Whether an application is at this site.
    pub(super) fn is_here(&self, sae: &str) -> bool {
        self.sae(sae).is_ok_and(|sae| *sae.kme == *self.settings().kme.id)
    }

    /// The link over which two applications share a stream, the first of them here: a stream is for both alike, so it is enough
    /// that either may be the other's master.
    pub(super) fn stream_link(&self, own: &str, other: &str) -> Option<&Arc<Link>> {
        let allowed = self.check_pair(own, other).is_ok() || self.check_pair(other, own).is_ok();
        if !allowed || own == other { None } else { self.link(&self.sae(other).ok()?.kme) }
    }

    /// The application of `kme` that opened a stream, and those here that it is for.
    pub(crate) fn stream_targets(
        &self,
        kme: &str,
        opener: &str,
        others: &[String],
    ) -> Result<(Arc<str>, Vec<Arc<str>>), Refusal> {
        let [other] = others else { return Err(Refusal::bad("a key stream is for two applications")) };
        let (from, to) = (self.sae(opener)?, self.sae(other)?);
        if *from.kme != *kme || !self.is_here(&to.id) || self.stream_link(&to.id, &from.id).is_none() {
            return Err(Refusal::Unauthorized);
        }
        Ok((from.id.clone(), vec![to.id.clone()]))
    }

    /// Wipes a key whoever waits for it.
    pub(super) fn forget(&self, id: &KeyId) {
        let gone = lock(&self.held).remove(id);
        if let Some(held) = gone {
            self.wipe(&held.place);
        }
    }

    /// An application gives up a key: it is wiped once nobody waits for it.
    pub(super) fn renounce(&self, id: &KeyId, sae: &str) {
        let done = lock(&self.held).fetched(id, sae);
        if let Some(held) = done {
            self.wipe(&held.place);
        }
    }
}

/// The user of a URI, or its host where there is none.
fn name_in_uri(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("//")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = match authority.split_once('@') {
        Some((user, _)) => user,
        None => authority.split(':').next()?,
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::name_in_uri;

    #[test]
    fn the_name_in_a_uri_is_its_user_or_its_host() {
        for (uri, name) in [
            ("qkd://appA@nodeA", Some("appA")),
            ("qkd//app1@aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", Some("app1")),
            ("client://alice", Some("alice")),
            ("server://bob:25575/keys?x#y", Some("bob")),
            ("client", None),
            ("qkd://", None),
            ("qkd://@node", None),
            ("", None),
        ] {
            assert_eq!(name_in_uri(uri), name, "{uri}");
        }
    }
}
