//! What the driver and its worker process say to each other: a JSON text and raw bytes, each with its length before it.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The most bytes of the text; programs are among it.
const MOST_TEXT: u32 = 1 << 28;
/// The most raw bytes: what the worker accepts of a library, and a little more.
const MOST_BYTES: u32 = (1 << 30) + (1 << 20);

/// The room that is made before bytes come.
const MOST_AT_ONCE: u32 = 1 << 20;

/// Parameters of a session, by their numbers. Secrets may be among them: they are wiped when they are dropped.
pub(super) type Parameters = Vec<(i32, Zeroizing<String>)>;

/// What the driver asks for. It cannot be printed: secrets may be in it.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    /// Load a library and open a session.
    Open { library: PathBuf, prefix: String, parameters: Parameters },
    /// A property of the device.
    Device { property: i32 },
    /// A property of eight bytes, or one of one byte, of every site.
    Sites { property: i32 },
    /// A property of an operation.
    Operation { operation: u32, property: i32 },
    /// A property of eight bytes of an operation on each of these tuples of `width` sites.
    OperationSites { operation: u32, property: i32, width: u32, sites: Vec<u32> },
    /// Make a job and submit it.
    Submit { format: i32, program: String, shots: u64 },
    /// Find a job of an earlier session.
    Retrieve { name: String },
    /// Where a job is in its life.
    Check { job: u64 },
    /// A property of a job.
    Job { job: u64, property: i32 },
    /// A result of a job.
    Result { job: u64, result: i32 },
    /// Give a job up.
    Cancel { job: u64 },
    /// Forget a job.
    Free { job: u64 },
}

/// What the worker answers. Handles are numbers here; lists of sites are their places in the list of all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// A session is open.
    Opened { new: bool, keeps_jobs: bool },
    /// The raw bytes are the answer. For many sites, each is a byte that says whether there is an answer and eight that are it.
    Bytes,
    /// The job that was made or found, and its name if it has one.
    Job { job: u64, name: Option<String> },
    /// Where a job is in its life.
    Status(i32),
    /// It was done.
    Done,
    /// A function of the library answered with an error.
    Refused { function: String, status: i32 },
    /// The library cannot be used, or the request makes no sense.
    Unusable(String),
}

/// Writes a message.
///
/// # Errors
/// Those of `to`; `InvalidInput` when it is too long.
pub(super) fn write(to: &mut impl Write, message: &impl Serialize, bytes: &[u8]) -> Result<()> {
    // Measured first: a buffer that grows leaves copies behind, and secrets may be in it.
    let mut measured = Measured(0);
    serde_json::to_writer(&mut measured, message)?;
    let mut text = Zeroizing::new(Vec::with_capacity(measured.0));
    serde_json::to_writer(&mut *text, message)?;
    let length = |length: usize, most: u32| {
        let short = u32::try_from(length).ok().filter(|length| *length <= most);
        short.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the message is too long"))
    };
    let (text_length, byte_length) = (length(text.len(), MOST_TEXT)?, length(bytes.len(), MOST_BYTES)?);
    to.write_all(&text_length.to_le_bytes())?;
    to.write_all(&byte_length.to_le_bytes())?;
    to.write_all(&text)?;
    to.write_all(bytes)?;
    to.flush()
}

/// How long what is written to it is.
struct Measured(usize);

impl Write for Measured {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Reads a message.
///
/// # Errors
/// Those of `from`; `UnexpectedEof` when the other end has closed; `InvalidData` for what is no message.
pub(super) fn read<M: DeserializeOwned>(from: &mut impl Read) -> Result<(M, Vec<u8>)> {
    let mut number = || {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    };
    let (text_length, byte_length) = (number()?, number()?);
    if text_length > MOST_TEXT || byte_length > MOST_BYTES {
        return Err(Error::new(ErrorKind::InvalidData, "the lengths of a message are impossible"));
    }
    let text = Zeroizing::new(exactly(from, text_length)?);
    let message = serde_json::from_slice(&text)?;
    Ok((message, exactly(from, byte_length)?))
}

/// So many bytes, without much room for them before they come; what is short does not move, because secrets may be in it.
fn exactly(from: &mut impl Read, length: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(MOST_AT_ONCE) as usize);
    from.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() == length as usize {
        Ok(bytes)
    } else {
        Err(Error::new(ErrorKind::UnexpectedEof, "the message ends early"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_come_as_they_were_sent() {
        let mut wire = Vec::new();
        write(&mut wire, &Reply::Job { job: 7, name: Some("a".to_owned()) }, b"raw").unwrap();
        let (reply, bytes): (Reply, _) = read(&mut wire.as_slice()).unwrap();
        assert_eq!((reply, bytes), (Reply::Job { job: 7, name: Some("a".to_owned()) }, b"raw".to_vec()));
        for cut in 0..wire.len() {
            assert!(read::<Reply>(&mut &wire[..cut]).is_err());
        }
        let endless = [255; 8];
        assert_eq!(read::<Reply>(&mut endless.as_slice()).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_taken_for_more_than_it_is(wire in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Reply>(&mut wire.as_slice());
            let mut framed = u32::try_from(wire.len()).unwrap().to_le_bytes().to_vec();
            framed.extend_from_slice(&[0; 4]);
            framed.extend_from_slice(&wire);
            let _ = read::<Request>(&mut framed.as_slice());
        }
    }
}
