//! Notices every opening and closing of a pseudo-terminal, however short, through inotify.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

/// Follows whether somebody has the port open. The terminal itself says what is; inotify says what was in between, and
/// wakes up who waits for it.
#[derive(Debug)]
pub(super) struct HostWatch {
    path: String,
    inotify: OwnedFd,
    watched: i32,
    open: bool,
}

impl HostWatch {
    /// Watches the port at `path`, which nobody has open.
    pub(super) fn new(path: &str) -> rustix::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let watched = watch(&inotify, path)?;
        Ok(Self { path: path.to_owned(), inotify, watched, open: false })
    }

    /// Readable when there is something to notice.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Whether somebody had it open when it was last looked at.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Does something with the port that is not to be noticed. An opening by a host at the same time may be noticed by its
    /// result only.
    pub(super) fn unnoticed(&mut self, work: impl FnOnce(&str)) -> rustix::io::Result<()> {
        inotify::remove_watch(&self.inotify, self.watched)?;
        work(&self.path);
        self.watched = watch(&self.inotify, &self.path)?;
        Ok(())
    }

    /// What happened since the last call: `true` for "somebody opened it", `false` for "closed", in turn. `open` is what
    /// the terminal says of the present, and what the last of them ends with.
    pub(super) fn changes(&mut self, open: bool) -> Vec<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.inotify.as_fd(), &mut buffer);
        let mut changes = Vec::new();
        let mut now = self.open;
        // Ends with EAGAIN when everything has been read.
        while let Ok(event) = reader.next() {
            let what = event.events();
            let next = what.contains(ReadFlags::OPEN);
            let closed = what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::CLOSE_NOWRITE);
            // Equal events in a row are reported as one, so descriptors cannot be counted, only turns.
            if (next || closed) && next != now {
                changes.push(next);
                now = next;
            }
        }
        if now != open {
            // A host closed one of several descriptors, or an event was missed.
            if changes.pop().is_none() {
                changes.push(open);
            }
        }
        self.open = open;
        changes
    }
}

fn watch(inotify: &OwnedFd, path: &str) -> rustix::io::Result<i32> {
    let what = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE;
    inotify::add_watch(inotify, path, what)
}
