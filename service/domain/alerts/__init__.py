"""What people are told, once per cause: which alerts fire, how they change, and what they say."""
