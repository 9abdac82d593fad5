//! Storing what messages have that stands by itself: chunk by chunk, in steps, and once.

use std::sync::{Arc, Weak};

use crate::Error;
use crate::format::blob::{Blob, BlobChunk};
use crate::ids::RecordAddr;
use crate::limits::{BLOB_CHUNK_LEN, BLOB_STEP_LEN_MAX};
use crate::record::Kind;
use crate::store::attached::Attached;
use crate::store::places;
use crate::store::prepare::Prepared;
use crate::store::writer::Writer;

/// A blob of which some chunks are written.
pub(crate) struct Upload {
    /// Its number; the writer knows by this that the upload goes on.
    number: Arc<u64>,
    hash: [u8; 32],
    chunks: Vec<RecordAddr>,
}

impl Writer {
    /// Writes what the shard lacks of what these messages have; `false` if there is more than one
    /// step may write. What is written and then not needed is no message's, and so takes space
    /// until it is compacted away.
    pub(crate) fn put_blobs(
        &mut self,
        messages: &[&Prepared],
        under_way: &mut Option<Upload>,
    ) -> Result<bool, Error> {
        let mut written = 0;
        for attached in messages.iter().flat_map(|message| message.attached()) {
            if self.blobs.find(&attached.hash).is_some() {
                continue;
            }
            let mut upload = match under_way.take() {
                Some(upload) if upload.hash == attached.hash => upload,
                _ => self.begin_upload(attached),
            };
            while (upload.chunks.len() as u64) < attached.chunk_count() {
                if written >= BLOB_STEP_LEN_MAX {
                    *under_way = Some(upload);
                    return Ok(false);
                }
                written += u64::from(BLOB_CHUNK_LEN);
                self.put_chunk(&mut upload, attached)?;
            }
            self.finish_upload(upload, attached.len())?;
        }
        Ok(true)
    }

    fn begin_upload(&mut self, attached: &Attached) -> Upload {
        let number = Arc::new(self.ids.email);
        self.ids.email += 1;
        self.uploads.retain(|upload| upload.strong_count() > 0);
        self.uploads.push(Arc::downgrade(&number));
        Upload { number, hash: attached.hash, chunks: Vec::new() }
    }

    fn put_chunk(&mut self, upload: &mut Upload, attached: &Attached) -> Result<(), Error> {
        let index = upload.chunks.len();
        let piece = attached.chunk(index)?;
        let chunk = BlobChunk { number: *upload.number, index: index as u64, entry: piece.entry };
        let front = chunk.encode();
        self.log.reserve((front.len() + piece.bytes.len()) as u64, 1)?;
        self.log.begin_frame();
        upload.chunks.push(self.log.record(Kind::BlobChunk as u8, &[&front, &piece.bytes]));
        self.log.end_frame();
        Ok(())
    }

    fn finish_upload(&mut self, upload: Upload, len: u64) -> Result<(), Error> {
        let Upload { number, hash, chunks } = upload;
        let number = *number;
        let blob = Blob { number, hash, len, chunk_len: BLOB_CHUNK_LEN, chunks };
        let addr = self.write_frame(Kind::Blob as u8, &blob.encode())?;
        self.reader.set_place(places::email_id(self.reader.shard().0, number), addr)?;
        self.blobs.add(hash, number);
        Ok(())
    }

    /// Whether a blob with this number is known, or will be.
    pub(crate) fn needs_blob(&self, number: u64) -> bool {
        let mut uploads = self.uploads.iter().filter_map(Weak::upgrade);
        self.blobs.contains(number) || uploads.any(|upload| *upload == number)
    }

    /// Refuses messages of which something is not stored that stands by itself: they would come
    /// back without it.
    pub(super) fn check_blobs(&self, messages: &[&Prepared]) -> Result<(), Error> {
        let mut each = messages.iter().flat_map(|message| message.attached());
        if each.all(|attached| self.blobs.find(&attached.hash).is_some()) {
            return Ok(());
        }
        Err(Error::Unusable("an attachment is not stored".to_owned()))
    }

    /// The blobs of a message, all of which are stored, each counted once more.
    pub(super) fn use_blobs(&mut self, message: &Prepared) -> Vec<u64> {
        let found = message.attached().iter().map(|attached| self.blobs.find(&attached.hash));
        let numbers: Vec<u64> = found.flatten().collect();
        debug_assert_eq!(numbers.len(), message.attached().len(), "`check_blobs` looked");
        numbers.iter().for_each(|number| self.blobs.count(*number));
        numbers
    }
}
