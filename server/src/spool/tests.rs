use super::*;

const PAGE: usize = 4096;

fn room(memory_max: usize, disk_max: usize) -> (tempfile::TempDir, SpoolRoom) {
    let dir = tempfile::tempdir().expect("a directory");
    let room = SpoolRoom::new(memory_max, disk_max, dir.path());
    (dir, room)
}

/// As it comes from a connection.
async fn fill(spool: &mut Spool, bytes: &[u8]) -> Result<(), SpoolFault> {
    for piece in bytes.chunks(10_000) {
        spool.push(piece)?;
        spool.write_out().await?;
    }
    Ok(())
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 7 % 251).expect("a byte")).collect()
}

#[tokio::test]
async fn a_message_of_any_length_is_read_as_it_came_behind_its_front() {
    let (_dir, room) = room(1 << 20, 16 << 20);
    for len in [0, 1, PAGE, PIECE_LEN - 1, PIECE_LEN, PIECE_LEN + 1, 5 * PIECE_LEN + 77] {
        for front in ["", "Received: here\r\n"] {
            let message = pattern(len);
            let mut spool = room.spool();
            fill(&mut spool, &message).await.expect("room");
            assert_eq!(spool.len(), len as u64);
            let spooled = spool.finish(front.as_bytes()).await.expect("room");
            assert!(*spooled == *[front.as_bytes(), &message].concat(), "{len} behind {front:?}");
        }
    }
}

#[tokio::test]
async fn a_long_message_takes_disk_and_hardly_any_memory() {
    let (_dir, room) = room(PIECE_LEN + 4 * PAGE, 1 << 20);
    let mut long = room.spool();
    fill(&mut long, &pattern(1 << 20)).await.expect("memory for one piece is enough");
    let spooled = long.finish(b"").await.expect("room");
    assert!(room.memory.share().cover(PIECE_LEN + 4 * PAGE), "all memory was given back");
    assert!(!room.disk.share().cover(1), "the disk is counted while the message is there");
    drop(spooled);
    assert!(room.disk.share().cover(1 << 20));
}

#[tokio::test]
async fn what_the_budgets_do_not_cover_is_refused_and_given_back() {
    let (_dir, room) = room(3 * PAGE, 2 * PIECE_LEN);
    let mut first = room.spool();
    assert_eq!(first.push(b"x"), Ok(()));
    let mut second = room.spool();
    assert_eq!(second.push(b"x"), Err(SpoolFault::NoRoom));
    drop(first);
    assert_eq!(second.push(b"x"), Ok(()));

    let (_dir, room) = self::room(1 << 20, 2 * PIECE_LEN);
    let mut long = room.spool();
    assert_eq!(fill(&mut long, &pattern(3 * PIECE_LEN + PAGE)).await, Err(SpoolFault::NoRoom));
    drop(long);
    assert!(room.disk.share().cover(2 * PIECE_LEN), "a message given up takes its file along");
}

#[tokio::test]
async fn a_front_counts_as_memory_too() {
    let (_dir, room) = room(2 * PAGE, 0);
    let mut spool = room.spool();
    spool.push(&pattern(2 * PAGE)).expect("all there is");
    assert_eq!(spool.finish(b"front").await.err(), Some(SpoolFault::NoRoom));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_a_fault_and_no_panic() {
    let (dir, room) = room(1 << 20, 1 << 20);
    drop(dir);
    let mut spool = room.spool();
    assert_eq!(fill(&mut spool, &pattern(PIECE_LEN + 1)).await, Err(SpoolFault::Failed));
}

#[tokio::test]
async fn bytes_are_replaced_in_memory_and_in_the_file() {
    let (_dir, room) = room(1 << 20, 4 * PIECE_LEN);
    for len in [PAGE, PIECE_LEN + PAGE] {
        let mut spool = room.spool();
        fill(&mut spool, &pattern(len)).await.expect("room");
        let mut expected = pattern(len);
        for place in [0, 5, len - 3] {
            expected[place..place + 3].copy_from_slice(b"new");
        }
        spool.overwrite(&[0, 5, len - 3], b"new").await.expect("they are there");
        assert_eq!(&*spool.finish(b"").await.expect("room"), &expected[..]);
    }
}
