//! What each module can do, found by trying, and held against the published table.
