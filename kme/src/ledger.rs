//! What must outlive the process: which blocks of a link were used. Never a key.

use std::path::Path;

use qhal::{Error, ErrorKind, KeyId, Result};
use redb::{Database, TableDefinition};

const BLOCKS: TableDefinition<'_, [u8; 16], u64> = TableDefinition::new("link blocks");

/// The file behind a key manager. A transaction is on the disk when it returns.
#[derive(Debug)]
pub(crate) struct Ledger {
    database: Database,
}

impl Ledger {
    /// Opens the file, and makes it if need be.
    ///
    /// # Errors
    /// `Busy` when another process has it open; `PermissionDenied`; `Other` when it is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Database::create(path).map_err(|cause| {
            let kind = match &cause {
                redb::DatabaseError::DatabaseAlreadyOpen => ErrorKind::Busy,
                redb::DatabaseError::Storage(redb::StorageError::Io(io)) => {
                    Error::from_io(std::io::Error::from(io.kind()), String::new()).kind()
                }
                _ => ErrorKind::Other,
            };
            Error::new(kind, format!("cannot open the state file {}: {cause}", path.display()))
        })?;
        let ledger = Self { database };
        ledger.change(|write| {
            write.open_table(BLOCKS)?;
            Ok(())
        })?;
        Ok(ledger)
    }

    /// Notes that a block of a link is used from now on; `false` when it was used before, perhaps by an earlier process.
    ///
    /// # Errors
    /// `Other` when that cannot be written.
    pub(crate) fn use_block(&self, id: &KeyId, bits: u64) -> Result<bool> {
        let mut new = false;
        self.change(|write| {
            new = write.open_table(BLOCKS)?.insert(id.0, bits)?.is_none();
            Ok(())
        })?;
        Ok(new)
    }

    fn change(
        &self,
        work: impl FnOnce(&redb::WriteTransaction) -> std::result::Result<(), redb::Error>,
    ) -> Result<()> {
        let run = || -> std::result::Result<(), redb::Error> {
            let write = self.database.begin_write()?;
            work(&write)?;
            write.commit()?;
            Ok(())
        };
        run().map_err(|cause| failed(&cause))
    }
}

fn failed(cause: &redb::Error) -> Error {
    Error::new(ErrorKind::Other, format!("the state file cannot be used: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_once_across_processes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let id = KeyId([7; 16]);
        {
            let ledger = Ledger::open(&path).unwrap();
            assert!(ledger.use_block(&id, 256).unwrap());
            assert!(!ledger.use_block(&id, 256).unwrap());
            assert_eq!(Ledger::open(&path).unwrap_err().kind(), ErrorKind::Busy);
        }
        let ledger = Ledger::open(&path).unwrap();
        assert!(!ledger.use_block(&id, 256).unwrap());
    }

    #[test]
    fn a_file_that_is_no_state_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        std::fs::write(&path, b"Dear Alice").unwrap();
        assert_eq!(Ledger::open(&path).unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(std::fs::read(&path).unwrap(), b"Dear Alice");
    }
}
