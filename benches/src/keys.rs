//! The keys of CURVE that all contenders use: those of libzmq's manual, which are no secret.

/// The client's public and secret key.
pub const CLIENT: (&str, &str) =
    ("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs");
/// The server's.
pub const SERVER: (&str, &str) =
    ("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6");

/// A key's octets.
///
/// # Panics
/// If it is no key.
pub fn octets(key: &str) -> [u8; 32] {
    *key.parse::<zmtp::curve::PublicKey>().expect("a key").as_bytes()
}
