"""Anthropic's Messages API on the loopback interface. It plays a script, or answers by itself."""
