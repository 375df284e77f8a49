"""The pure core: it decides, and knows neither clock nor chance nor the network."""
