//! Which addresses deliveries may go to: public ones, and what a destination lists by itself.
