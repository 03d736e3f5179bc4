// pool: the sum over the real tokens of a sentence, for Lanes sentences side by side.
//
// Values come as scalars, feature outside and token inside, like the values of inhibit; each lane adds those
// of its own sentence. So short sentences that share one pass are pooled in one pass, and no lane looks at
// another.
//
// A frame:
//   s_axis  x_00, x_10, ..., x_n0, x_01, ...: one int8 a beat, tokens_i beats a feature; tuser bit i is 1 if
//           the token is a real one of lane i's sentence; tlast on the last token of the last feature;
//   m_axis  word k is the sum of feature k in every lane, 16 bits a lane, lane 0 in the low bits; tlast on
//           the last.
// tokens_i, 1..128, stays put during a frame. |sum| <= 127 * 128 < 2^15: nothing overflows.
//
// Cycles from the first value to the last sum, without stalls: tokens * features + 1.
`default_nettype none

module pool #(
    parameter integer Lanes = 16
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire [         7:0] tokens_i,

    input  wire [         7:0] s_axis_tdata,
    input  wire [   Lanes-1:0] s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    input  wire                s_axis_tlast,

    output wire [16*Lanes-1:0] m_axis_tdata,
    output reg                 m_axis_tvalid,
    input  wire                m_axis_tready,
    output reg                 m_axis_tlast
);
  reg [6:0] token_q;
  wire first = token_q == 7'd0;
  wire row_end = {1'b0, token_q} + 8'd1 == tokens_i;

  assign s_axis_tready = !m_axis_tvalid || m_axis_tready;
  wire beat = s_axis_tvalid && s_axis_tready;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      token_q       <= 7'd0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (beat) token_q <= row_end ? 7'd0 : token_q + 7'd1;
      if (s_axis_tready) m_axis_tvalid <= beat && row_end;
    end
    if (beat) m_axis_tlast <= s_axis_tlast;
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      reg [15:0] sum_q, row_q;
      wire [15:0] sum_d =
          (first ? 16'd0 : sum_q) + ({{8{s_axis_tdata[7]}}, s_axis_tdata} & {16{s_axis_tuser[lane]}});

      always @(posedge clk_i) begin
        if (beat) sum_q <= sum_d;
        if (beat && row_end) row_q <= sum_d;
      end
      assign m_axis_tdata[16*lane+:16] = row_q;
    end

    if (Lanes != 1 && (Lanes < 4 || Lanes > 64 || (Lanes & (Lanes - 1)) != 0)) begin : g_lanes
      pool_refuses_lanes_other_than_1_4_8_16_32_64 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
