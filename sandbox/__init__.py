"""The ethics sandbox (伦理沙箱): trials of immature algorithms with limits, live feedback, reviews and a stop rule."""
