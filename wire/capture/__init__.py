"""Where packets come from: capture files and rings, as FrameBlocks."""
