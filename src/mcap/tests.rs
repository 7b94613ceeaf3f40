#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

/// A closed file with two channels and chunks of so many messages.
fn file(chunks: &[usize]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    header(&mut out, "test");
    schema(&mut out, 1, "a.Schema", "jsonschema", b"{}");
    channel(&mut out, 1, 1, "/one", "json");
    channel(&mut out, 2, 1, "/two", "json");
    metadata(&mut out, "facts", &[("key", "value")]);
    let mut summary = Summary::default();
    let mut walk = Walk::new(&out[..]).unwrap();
    while let Ok(Some((opcode, offset))) = walk.step() {
        summary.record(opcode, offset, walk.body());
    }
    let (mut chunk, mut number) = (Chunk::new(), 0_u32);
    for messages in chunks {
        for _ in 0..*messages {
            let (id, time_ns) = (1 + (number % 2) as u16, 1000 + u64::from(number));
            chunk.message(id, number, time_ns, |out| {
                out.extend_from_slice(number.to_string().as_bytes());
            });
            number += 1;
        }
        let (bytes, entry) = chunk.finish(out.len() as u64).unwrap();
        out.extend_from_slice(bytes);
        summary.chunk(entry);
        chunk.clear();
    }
    let offset = out.len() as u64;
    summary.close(offset, &mut out);
    out
}

/// Topic, number, time and text of every message, and how many chunks were left out.
fn read(bytes: &[u8]) -> (Vec<(String, u32, u64, String)>, usize) {
    let (mut messages, mut damaged) = (Vec::new(), 0);
    let Ok(mut reader) = MessageReader::new(bytes) else {
        return (messages, damaged);
    };
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push((
                message.channel.topic.clone(),
                message.sequence,
                message.time_ns,
                String::from_utf8_lossy(message.data).into_owned(),
            )),
            Ok(None) => return (messages, damaged),
            Err(_) => damaged += 1,
        }
    }
}

#[test]
fn another_reader_sees_what_was_written() {
    let bytes = file(&[3, 1, 4]);
    let summary = ::mcap::Summary::read(&bytes).unwrap().unwrap();
    let statistics = summary.stats.clone().unwrap();
    assert_eq!((statistics.message_count, statistics.chunk_count), (8, 3));
    assert_eq!(
        (statistics.message_start_time, statistics.message_end_time),
        (1000, 1007)
    );
    assert_eq!(statistics.channel_message_counts[&2], 4);
    assert_eq!(summary.metadata_indexes[0].name, "facts");
    // By the index, and from the front.
    let mut indexed = 0;
    for chunk in &summary.chunk_indexes {
        let offsets = summary.read_message_indexes(&bytes, chunk).unwrap();
        for (channel, entries) in &offsets {
            for entry in entries {
                let message = summary.seek_message(&bytes, chunk, entry).unwrap();
                assert_eq!(message.channel.id, channel.id);
                assert_eq!(message.log_time, entry.log_time);
                indexed += 1;
            }
        }
    }
    assert_eq!(indexed, 8);
    let (ours, _) = read(&bytes);
    let theirs: Vec<_> = ::mcap::MessageStream::new(&bytes)
        .unwrap()
        .map(Result::unwrap)
        .map(|message| {
            (
                message.channel.topic.clone(),
                message.sequence,
                message.log_time,
                String::from_utf8_lossy(&message.data).into_owned(),
            )
        })
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(theirs[5], ("/two".into(), 5, 1005, "5".into()));
}

#[test]
fn a_file_of_others_is_read() {
    let mut bytes = Vec::new();
    let mut writer = ::mcap::WriteOptions::new()
        .compression(None)
        .chunk_size(Some(100))
        .create(std::io::Cursor::new(&mut bytes))
        .unwrap();
    let schema = writer.add_schema("s", "jsonschema", b"{}").unwrap();
    let channel = writer
        .add_channel(schema, "/c", "json", &Default::default())
        .unwrap();
    for sequence in 0..20 {
        let header = ::mcap::records::MessageHeader {
            channel_id: channel,
            sequence,
            log_time: u64::from(sequence),
            publish_time: 0,
        };
        writer.write_to_known_channel(&header, b"{}").unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    let (messages, damaged) = read(&bytes);
    assert!(messages.iter().map(|message| message.1).eq(0..20));
    assert_eq!(damaged, 0);
}

#[test]
fn a_torn_file_gives_what_is_whole() {
    let bytes = file(&[2, 2, 2]);
    let mut most = 0;
    for end in 0..=bytes.len() {
        let (messages, damaged) = read(&bytes[..end]);
        assert_eq!(damaged, 0);
        assert!(messages.len() >= most && messages.len() % 2 == 0);
        most = messages.len();
    }
    assert_eq!(most, 6);
}

#[test]
fn a_damaged_chunk_is_left_out() {
    let mut bytes = file(&[2, 2, 2]);
    let at = bytes
        .windows(8)
        .position(|w| w == 1002_u64.to_le_bytes())
        .unwrap();
    bytes[at + 70] ^= 1;
    let (messages, damaged) = read(&bytes);
    assert_eq!((messages.len(), damaged), (4, 1));
}

proptest! {
    #[test]
    fn damage_ends_without_panic(
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..20),
        keep in any::<u16>(),
    ) {
        let mut bytes = file(&[3, 2]);
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(usize::from(keep) % (bytes.len() + 1));
        let (messages, _) = read(&bytes);
        prop_assert!(messages.len() <= bytes.len());
    }
}
