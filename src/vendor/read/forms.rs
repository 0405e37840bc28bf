//! Form bodies as ordered pairs: urlencoded and multipart.
