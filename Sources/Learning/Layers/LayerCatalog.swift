/// Every kind of layer, one line an entry.
package enum LayerCatalog {
    package static let all: [any Layer.Type] = [
        DenseLayer.self,
        Elementwise<ReLU>.self,
        Elementwise<LeakyReLU>.self,
        Elementwise<Sigmoid>.self,
        Elementwise<Tanh>.self,
        Elementwise<GELU>.self,
        Elementwise<SiLU>.self,
        SoftmaxLayer.self,
        DropoutLayer.self,
        FlattenLayer.self,
        SequenceLayer.self,
        LayerNormLayer.self,
        RMSNormLayer.self,
        SwiGLULayer.self,
        AttentionLayer.self,
        Convolution2DLayer.self,
        Convolution1DLayer.self,
        MaxPoolingLayer.self,
        AveragePoolingLayer.self,
        GlobalAveragePoolingLayer.self,
        GroupNormLayer.self,
    ]
}
